import net from 'node:net';
import { MisuseError } from '../../errors.ts';
import { nearestOf } from '../../options/nearest.ts';
import { durationIn } from '../../time/duration.ts';
import { type Endpoint, endpointName } from './endpoint.ts';
import type { TlsFiles } from './tls-files.ts';

const EXAMPLE = 'etcd://h1:2379,h2:2379/prefix?ttl=15s';
const DEFAULT_PORT = 2379;
const DEFAULT_PREFIX = 'lockstep';
const DEFAULT_TTL_MS = 15_000;
const MIN_TTL_MS = 10_000;

const OPTIONS = ['ttl', 'ca', 'cert', 'key', 'server-name', 'password-file'] as const;
type Option = (typeof OPTIONS)[number];
const TLS_OPTIONS: readonly Option[] = ['ca', 'cert', 'key', 'server-name'];

const URL = /^(etcds?):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** Between a user and the hosts, also with characters that it would have to escape; or as an option. */
const PASSWORDS = [/^etcds?:\/\/[^/?]*:[^/?]*@/i, /^etcds?:\/\/[^:@/?,[]*:(?!\d+(?:[,/?]|$)).*@/i, /[?&]password=/i];

const HOST_NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i;

/** Where a store on etcd is, as a URL names it. It contains no secret. */
export interface EtcdAddress {
  readonly endpoints: readonly Endpoint[];
  /** In front of all keys, without slashes at its ends. */
  readonly prefix: string;
  /** The time of a session's lease. */
  readonly ttlMs: number;
  /** Null: without TLS. */
  readonly tls: TlsFiles | null;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  /** The same as a URL that opens it again, in another process too. */
  readonly place: string;
}

/** Whether a text is meant for the URL of a store on etcd. */
export function isEtcdUrl(text: string): boolean {
  return /^etcds?:/i.test(text);
}

/**
 * Parses `etcd://h1:2379,h2:2379/prefix?ttl=15s`, or `etcds://…?ca=…&cert=…&key=…` for TLS. An IPv6 address stands in
 * brackets; a user in front of the hosts (`etcd://USER@h1`). Defaults: port 2379, prefix `lockstep`, ttl 15 s.
 *
 * Use it to check a program's configuration when it starts, before a store is needed.
 *
 * @throws {MisuseError} that states what is wrong where, and what to write instead; it never shows a password
 *
 * @example
 * import { parseEtcdUrl } from 'lockstep/etcd';
 * const { endpoints, prefix, ttlMs } = parseEtcdUrl('etcd://h1,h2:2380/shop?ttl=30s');
 * console.log(endpoints.map(({ port }) => port), prefix, ttlMs); // prints [ 2379, 2380 ] shop 30000
 */
export function parseEtcdUrl(text: string): EtcdAddress {
  const fail = (what: string): never => {
    throw new MisuseError(`the store '${shown(text)}': ${what}`);
  };
  // Before anything that could show it.
  if (PASSWORDS.some((pattern) => pattern.test(text)))
    fail(
      'a URL must not contain a password, because everybody can read it in the list of processes. Put it into $LOCKSTEP_ETCD_PASSWORD, or into a file and its path into $LOCKSTEP_ETCD_PASSWORD_FILE',
    );
  const match = URL.exec(text) ?? fail(`it is no URL of etcd. Write ${EXAMPLE}`);
  const [, scheme = '', user, hosts = '', path = '', query = ''] = match;
  if (user === '') fail("there is no user in front of the '@'. Write etcd://USER@HOST, or leave the '@' out");
  const options = optionsIn(query, fail);
  const address = {
    endpoints: endpointsIn(hosts, fail),
    prefix: prefixIn(path, fail),
    ttlMs: ttlIn(options.get('ttl'), fail),
    tls: tlsIn(scheme === 'etcds', options, fail),
    user: user === undefined ? undefined : decoded(user, fail),
    passwordFile: options.get('password-file'),
  };
  return { ...address, place: placeOf(address, options) };
}

type Fail = (what: string) => never;

function optionsIn(query: string, fail: Fail): Map<Option, string> {
  const options = new Map<Option, string>();
  for (const pair of query.split('&').filter((part) => part !== '')) {
    const [name = '', ...rest] = pair.split('=');
    const option = OPTIONS.find((one) => one === name) ?? fail(unknownOption(name));
    const value = decoded(rest.join('='), fail);
    if (value === '') fail(`${option} has no value. Write ${option}=…`);
    if (options.has(option)) fail(`${option} is there twice`);
    options.set(option, value);
  }
  return options;
}

function unknownOption(name: string): string {
  const near = nearestOf(name, OPTIONS);
  return `there is no option '${name}'${near === null ? '' : `: did you mean ${near}?`}${near === null ? '. It' : ' It'} takes ${OPTIONS.join(', ')}`;
}

function endpointsIn(hosts: string, fail: Fail): Endpoint[] {
  if (hosts === '') fail(`it names no host. Write ${EXAMPLE}`);
  const endpoints = hosts.split(',').map((host) => endpointIn(host, fail));
  const names = endpoints.map(endpointName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) fail(`it names ${twice} twice`);
  return endpoints;
}

function endpointIn(text: string, fail: Fail): Endpoint {
  if (text === '') fail('a host is missing beside a comma');
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::([^:]*))?$/.exec(text) ?? [];
  const host = bracketed ?? name ?? fail(`'${text}' is no host. An IPv6 address stands in brackets: [${text}]:2379`);
  const isValid = bracketed === undefined ? HOST_NAME.test(host) : net.isIPv6(host);
  if (!isValid) fail(`'${text}' is no host. Write a name or an address, and its port: ${EXAMPLE}`);
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (!/^\d{1,5}$/.test(digits ?? '1') || port < 1 || port > 65_535)
    fail(`'${digits}' is no port. Write a number from 1 to 65535 (etcd's is 2379)`);
  return { host, port };
}

function prefixIn(path: string, fail: Fail): string {
  const prefix = decoded(path.replace(/\/+$/, ''), fail);
  if (prefix === '') return DEFAULT_PREFIX;
  if (prefix.split('/').includes('')) fail(`its prefix '${prefix}' has an empty part. Write one slash between two`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (/[\0-\x1f\x7f]/.test(prefix)) fail('its prefix has a control character');
  return prefix;
}

function ttlIn(text: string | undefined, fail: Fail): number {
  if (text === undefined) return DEFAULT_TTL_MS;
  const ms = durationIn(text) ?? fail(`its ttl '${text}' is no duration. Write ttl=15s`);
  if (ms < MIN_TTL_MS)
    fail(
      `its ttl of ${text} is too short: an election of a new leader must fit into it. Write at least ttl=${MIN_TTL_MS / 1_000}s`,
    );
  return Math.ceil(ms / 1_000) * 1_000;
}

function tlsIn(isTls: boolean, options: ReadonlyMap<Option, string>, fail: Fail): TlsFiles | null {
  const given = TLS_OPTIONS.filter((option) => options.has(option));
  if (!isTls) {
    if (given.length > 0) fail(`${given[0]} is for TLS. Write etcds:// in front of the hosts`);
    return null;
  }
  if (options.has('cert') !== options.has('key')) fail('cert and key belong together: give both, or none');
  const names = { ca: options.get('ca'), cert: options.get('cert'), key: options.get('key') };
  const files = Object.entries({ ...names, serverName: options.get('server-name') });
  return Object.fromEntries(files.filter(([, value]) => value !== undefined));
}

function placeOf(address: Omit<EtcdAddress, 'place'>, options: ReadonlyMap<Option, string>): string {
  const user = address.user === undefined ? '' : `${encodeURIComponent(address.user)}@`;
  const hosts = address.endpoints.map(endpointName).join(',');
  const prefix = address.prefix.split('/').map(encodeURIComponent).join('/');
  const rest = OPTIONS.filter((option) => option !== 'ttl' && options.has(option)).map(
    (option) => `&${option}=${encodeURIComponent(options.get(option) ?? '').replaceAll('%2F', '/')}`,
  );
  return `${address.tls === null ? 'etcd' : 'etcds'}://${user}${hosts}/${prefix}?ttl=${address.ttlMs / 1_000}s${rest.join('')}`;
}

function decoded(text: string, fail: Fail): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail(`'${text}' has a '%' that begins no character. Write %25 for a percent sign`);
  }
}

/** The URL without what may be a password. */
function shown(text: string): string {
  return text
    .replace(/^([^:]*:\/\/[^:@/]*):.*@/, '$1:…@')
    .replace(/([?&]password=)[^&]*/gi, '$1…')
    .slice(0, 200);
}
