// A key and a self-signed certificate for it, in PEM form.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function makeCertificate(name = 'test') {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const [key, pem] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', pem], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), pem: readFileSync(pem, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
