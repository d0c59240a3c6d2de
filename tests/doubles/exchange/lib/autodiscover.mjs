// Where a mailbox is served: Autodiscover as JSON (v2), as plain XML (POX), and GetUserSettings over SOAP for public folders.
import { escape } from './xml.mjs';

const json = (status, body) => ({ status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const xml = (body) => ({ status: 200, headers: { 'Content-Type': 'text/xml; charset=utf-8' }, body: `<?xml version="1.0" encoding="utf-8"?>${body}` });
const tag = (text, name) => new RegExp(`<(?:\\w+:)?${name}>([^<]*)<`, 'u').exec(text)?.[1] ?? '';

export function autodiscover({ organisation, path, query, body, origin, signedIn }) {
  const url = `${origin}/EWS/Exchange.asmx`, lower = path.toLowerCase();
  const found = /^\/autodiscover\/autodiscover\.json\/v1\.0\/(.+)$/iu.exec(path);
  if (found) {
    if ((query.get('Protocol') ?? query.get('protocol')) !== 'EWS') return json(400, { ErrorCode: 'ProtocolNotSupported', ErrorMessage: 'The protocol is not supported.' });
    const user = organisation.user(decodeURIComponent(found[1]));
    if (!user) return json(404, { ErrorCode: 'UserNotFound', ErrorMessage: 'The given user is not found.' });
    return json(200, { Protocol: 'EWS', Url: user.remote ? 'https://outlook.office365.com/EWS/Exchange.asmx' : url });
  }
  if (!signedIn) return null;
  if (lower === '/autodiscover/autodiscover.xml') {
    const address = tag(body, 'EMailAddress');
    const settings = (smtp, more = '') => xml(`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User><DisplayName>${escape(smtp)}</DisplayName><AutoDiscoverSMTPAddress>${escape(smtp)}</AutoDiscoverSMTPAddress></User>` +
      `<Account><AccountType>email</AccountType><Action>settings</Action><MicrosoftOnline>False</MicrosoftOnline>${more}<Protocol><Type>EXPR</Type><EwsUrl>${escape(url)}</EwsUrl></Protocol></Account></Response></Autodiscover>`);
    if (address.startsWith(organisation.publicFolderGuid)) return settings(organisation.publicFolderMailbox);
    const user = organisation.user(address);
    if (!user) return xml('<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response><Error Time="00:00:00" Id="1"><ErrorCode>500</ErrorCode><Message>The email address can\'t be found.</Message></Error></Response></Autodiscover>');
    if (user.remote) return xml(`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account><Action>redirectAddr</Action><RedirectAddr>${escape(user.remote)}</RedirectAddr></Account></Response></Autodiscover>`);
    return settings(user.mail);
  }
  if (lower === '/autodiscover/autodiscover.svc') {
    const values = { ExternalEwsUrl: url, PublicFolderInformation: organisation.publicFolderMailbox, InternalRpcClientServer: `${organisation.publicFolderGuid}@double.example` };
    const wanted = [...body.matchAll(/<(?:\w+:)?Setting>([^<]*)</gu)].map((one) => one[1]).filter((name) => values[name]);
    return xml(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetUserSettingsResponseMessage xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover"><Response><ErrorCode>NoError</ErrorCode><UserResponses><UserResponse><ErrorCode>NoError</ErrorCode><UserSettings>` +
      `${wanted.map((name) => `<UserSetting xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="StringSetting"><Name>${name}</Name><Value>${escape(values[name])}</Value></UserSetting>`).join('')}</UserSettings></UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>`);
  }
  return { status: 404, headers: {}, body: '' };
}
