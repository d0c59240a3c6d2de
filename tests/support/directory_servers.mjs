// Real directory servers for tests: OpenLDAP's slapd, and Samba as an Active Directory domain controller. Each has its own folder,
// certificate and ports of 127.0.0.1, and is ended by its process id. `available` says in words why one cannot run here.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './daemon.mjs';

export function makeCertificate(folder) {
  const [cert, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=directory test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
    '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key, pem: readFileSync(cert, 'utf8') };
}

const freePort = () => new Promise((resume) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resume(port)); });
});

const escapeDn = (value) => value.replace(/[\\,+"<>;=#]/gu, (c) => `\\${c}`);
const line = (name, value) => (/^[\x21-\x39\x3b\x3d-\x7e][\x20-\x7e]*$/u.test(value) && !value.endsWith(' ') ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString('base64')}`);

export class OpenLdap {
  static unavailable = existsSync('/usr/sbin/slapd') ? false : 'SKIPPED LOUDLY: slapd is not installed';
  base = 'dc=arch,dc=test';
  admin = 'cn=admin,dc=arch,dc=test';

  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'kopial-slapd-'));
    const tls = makeCertificate(this.folder);
    this.ca = tls.pem;
    mkdirSync(join(this.folder, 'db'));
    this.config = join(this.folder, 'slapd.conf');
    writeFileSync(this.config, ['core', 'cosine', 'inetorgperson', 'nis'].map((one) => `include /etc/ldap/schema/${one}.schema\n`).join('') + `modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${tls.cert}
TLSCertificateFile ${tls.cert}
TLSCertificateKeyFile ${tls.key}
sizelimit size.soft=100 size.hard=500 size.prtotal=unlimited
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.5.99999.2 NAME 'archLocked' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.99999.1 NAME 'archMailUser' SUP top AUXILIARY MAY ( proxyAddresses $ archLocked ) )
database mdb
maxsize 1073741824
suffix "${this.base}"
rootdn "${this.admin}"
rootpw secret
directory ${join(this.folder, 'db')}
index objectClass,entryUUID,uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`);
    this.port = await freePort();
    this.tlsPort = await freePort();
    await this.run();
    this.add([['dn: dc=arch,dc=test', 'objectClass: dcObject', 'objectClass: organization', 'o: Arch', 'dc: arch'], ['dn: ou=people,dc=arch,dc=test', 'objectClass: organizationalUnit', 'ou: people']]);
  }
  async run() {
    this.process = spawn('/usr/sbin/slapd', ['-f', this.config, '-h', `ldap://127.0.0.1:${this.port}/ ldaps://127.0.0.1:${this.tlsPort}/`, '-d', '0'], { stdio: 'ignore' });
    await until(() => { try { this.client('ldapsearch', ['-b', '', '-s', 'base']); return true; } catch { return false; } }, 'slapd does not answer');
  }
  client(program, args, input) {
    return execFileSync(program, ['-x', '-H', `ldap://127.0.0.1:${this.port}`, '-D', this.admin, '-w', 'secret', ...args], { input, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'], env: { ...process.env, LDAPNOINIT: '1' }, maxBuffer: 1 << 28 }).toString();
  }
  add(entries) { this.client('ldapadd', [], entries.map((one) => one.join('\n')).join('\n\n') + '\n'); }
  dn(cn) { return `cn=${escapeDn(cn)},ou=people,${this.base}`; }
  person(cn, { uid = cn, mail = [`${uid}@arch.test`], proxies = [], password = `${uid}-Passw0rd` } = {}) {
    return [line('dn', this.dn(cn)), 'objectClass: inetOrgPerson', 'objectClass: archMailUser', line('cn', cn), line('sn', cn), line('uid', uid), line('displayName', cn),
      ...mail.map((one) => line('mail', one)), ...proxies.map((one) => line('proxyAddresses', one)), line('userPassword', password)];
  }
  group(cn, members) { return [line('dn', this.dn(cn)), 'objectClass: groupOfNames', line('cn', cn), ...members.map((one) => line('member', this.dn(one)))]; }
  modify(cn, changes) { this.client('ldapmodify', [], `${line('dn', this.dn(cn))}\nchangetype: modify\n${changes.join('\n-\n')}\n`); }
  rename(cn, next) { this.client('ldapmodrdn', ['-r', this.dn(cn), `cn=${escapeDn(next)}`]); }
  remove(cn) { this.client('ldapdelete', [this.dn(cn)]); }
  settings(more = {}) {
    return { name: 'OpenLDAP', kind: 'ldap', preset: 'openldap', urls: [`ldap://127.0.0.1:${this.port}`], ca_pem: this.ca, bind_name: this.admin, bind_password: 'secret', bases: [this.base], ...more };
  }
  async halt() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resume) => { this.process.once('exit', resume); });
      this.process.kill('SIGTERM');
      await ended;
    }
  }
  async stop() {
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// Listens on the ports of a domain controller, which only root may, and only one at a time.
export class SambaDomain {
  static unavailable = !existsSync('/usr/sbin/samba') || !existsSync('/usr/bin/samba-tool') ? 'SKIPPED LOUDLY: samba is not installed' : process.getuid() !== 0 ? 'SKIPPED LOUDLY: a domain controller needs root' : false;
  base = 'DC=arch,DC=test';

  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'kopial-samba-'));
    const tls = makeCertificate(this.folder);
    this.ca = tls.pem;
    const dc = join(this.folder, 'dc');
    execFileSync('samba-tool', ['domain', 'provision', `--targetdir=${dc}`, '--server-role=dc', '--realm=ARCH.TEST', '--domain=ARCH', '--adminpass=Passw0rd!x', '--use-rfc2307', '--dns-backend=NONE',
      '--host-name=dc1', '--host-ip=127.0.0.1', '--option=interfaces=lo', '--option=bind interfaces only=yes', '--option=server services=ldap cldap kdc rpc'], { stdio: 'ignore' });
    this.config = join(dc, 'etc/smb.conf');
    for (const one of ['run', 'run/ncalrpc']) mkdirSync(join(this.folder, one), { recursive: true });
    const text = readFileSync(this.config, 'utf8').replace('[global]', `[global]\n\tpid directory = ${this.folder}/run\n\tncalrpc dir = ${this.folder}/run/ncalrpc\n\tlog file = ${this.folder}/log.%m\n\ttls enabled = yes\n\ttls keyfile = ${tls.key}\n\ttls certfile = ${tls.cert}\n\ttls cafile = ${tls.cert}`);
    writeFileSync(this.config, text);
    this.sam = join(dc, 'private/sam.ldb');
    await this.run();
  }
  async run() {
    this.process = spawn('samba', ['-i', '--debug-stdout', '-M', 'single', '-s', this.config], { stdio: ['pipe', 'ignore', 'ignore'] });
    await until(() => { try { this.client('ldapsearch', ['-b', this.base, '-s', 'base', 'dn']); return true; } catch { return false; } }, 'samba does not answer', 60);
  }
  client(program, args, input) {
    return execFileSync(program, ['-x', '-o', 'ldif-wrap=no', '-H', 'ldaps://127.0.0.1', '-D', 'administrator@arch.test', '-w', 'Passw0rd!x', ...args], { input, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, LDAPTLS_CACERT: join(this.folder, 'certificate.pem') }, maxBuffer: 1 << 28 }).toString();
  }
  // Over LDAP, as an administrator would.
  user(sam, { cn = sam, upn = `${sam}@arch.test`, proxies = [`SMTP:${sam}@arch.test`], password = `${sam}-Passw0rd!1`, disabled = false } = {}) {
    const quoted = Buffer.from(`"${password}"`, 'utf16le').toString('base64');
    return [line('dn', this.dn(cn)), 'objectClass: user', line('cn', cn), line('sAMAccountName', sam), ...(upn ? [line('userPrincipalName', upn)] : []), line('displayName', cn), ...(proxies.length ? [line('mail', proxies[0].split(':')[1])] : []),
      ...proxies.map((one) => line('proxyAddresses', one)), `unicodePwd:: ${quoted}`, `userAccountControl: ${disabled ? 514 : 512}`];
  }
  group(cn, members) { return [line('dn', this.dn(cn)), 'objectClass: group', line('cn', cn), line('sAMAccountName', cn), ...members.map((one) => line('member', this.dn(one)))]; }
  add(entries) { this.client('ldapadd', [], entries.map((one) => one.join('\n')).join('\n\n') + '\n'); }
  dn(cn) { return `CN=${escapeDn(cn)},CN=Users,${this.base}`; }
  modify(cn, changes) { this.client('ldapmodify', [], `${line('dn', this.dn(cn))}\nchangetype: modify\n${changes.join('\n-\n')}\n`); }
  rename(cn, next) { this.client('ldapmodrdn', ['-r', this.dn(cn), `CN=${escapeDn(next)}`]); }
  remove(cn) { this.client('ldapdelete', [this.dn(cn)]); }
  settings(more = {}) {
    return { name: 'Active Directory', kind: 'active_directory', urls: ['ldaps://127.0.0.1'], ca_pem: this.ca, bind_name: 'administrator@arch.test', bind_password: 'Passw0rd!x', ...more };
  }
  async halt() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resume) => { this.process.once('exit', resume); });
      this.process.kill('SIGTERM');
      await ended;
    }
  }
  async stop() {
    if (this.process) await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
