import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

import {
  bare,
  bits,
  boolean,
  integer,
  octets,
  oid,
  sequence,
  set,
  tagged,
  utcTime,
  utf8,
} from './der.ts';

const DAY_MS = 86_400_000;

/** What a certificate says. */
export interface CertificateParts {
  /** The subject's common name; left out when undefined. */
  readonly commonName?: string;
  /** Subject alternative names: `DNS:a.example`, `IP:127.0.0.1` (IPv4), `URI:spiffe://…`. */
  readonly names?: readonly string[];
  /** From when on and until when it is valid, in days from now. Default -1 and 365. */
  readonly fromDay?: number;
  readonly toDay?: number;
}

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs certificates; `ca` is its own, as PEM. */
export interface Authority {
  readonly ca: string;
  issue(parts: CertificateParts): Certificate;
}

/** Makes an authority of its own, with a new key. */
export function createAuthority(commonName: string = 'test authority'): Authority {
  const { privateKey, publicKey } = newKey();
  const issuer = { name: nameOf(commonName), key: privateKey };
  const ca = signed(issuer, { commonName }, publicKey, true);
  return {
    ca,
    issue(parts) {
      const own = newKey();
      const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      return { cert: signed(issuer, parts, own.publicKey, false), key };
    },
  };
}

/** A certificate that nobody but itself vouches for. */
export function selfSigned(parts: CertificateParts): Certificate {
  const { privateKey, publicKey } = newKey();
  const issuer = { name: nameOf(parts.commonName), key: privateKey };
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { cert: signed(issuer, parts, publicKey, false), key };
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

/** Puts a certificate together and signs it (RFC 5280, 4.1). */
function signed(
  issuer: { readonly name: Buffer; readonly key: KeyObject },
  parts: CertificateParts,
  publicKey: KeyObject,
  authority: boolean,
): string {
  const { fromDay = -1, toDay = 365 } = parts;
  const body = sequence(
    // Version 3, and a serial number that is positive whatever the dice say.
    tagged(0, integer(2)),
    integer(1, ...randomBytes(8)),
    ECDSA_WITH_SHA256,
    issuer.name,
    sequence(dayFromNow(fromDay), dayFromNow(toDay)),
    nameOf(parts.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions(parts.names ?? [], authority))),
  );
  const signature = sign('sha256', body, issuer.key);
  const der = sequence(body, ECDSA_WITH_SHA256, bits(signature)).toString('base64');
  const lines = der.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function dayFromNow(days: number): Buffer {
  return utcTime(new Date(Date.now() + days * DAY_MS));
}

/** A distinguished name of a common name, or of nothing. */
function nameOf(commonName: string | undefined): Buffer {
  if (commonName === undefined) return sequence();
  return sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))));
}

function extensions(names: readonly string[], authority: boolean): Buffer[] {
  const basic = authority ? sequence(boolean(true)) : sequence();
  const list = [sequence(oid('2.5.29.19'), boolean(true), octets(basic))];
  if (authority) {
    // keyCertSign: the sixth bit.
    list.push(sequence(oid('2.5.29.15'), boolean(true), octets(bits(Buffer.of(0x04), 2))));
  }
  if (names.length > 0) {
    list.push(sequence(oid('2.5.29.17'), octets(sequence(...names.map(generalName)))));
  }
  return list;
}

/** One subject alternative name (RFC 5280, 4.2.1.6). */
function generalName(text: string): Buffer {
  const colon = text.indexOf(':');
  const value = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'DNS':
      return bare(2, Buffer.from(value));
    case 'URI':
      return bare(6, Buffer.from(value));
    case 'IP':
      if (isIP(value) === 4) return bare(7, Buffer.from(value.split('.').map(Number)));
      throw new Error(`'${value}' is no IPv4 address`);
    default:
      throw new Error(`'${text}' is no DNS:, URI: or IP: name`);
  }
}
