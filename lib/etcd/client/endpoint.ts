/** Where one member of a cluster is. */
export interface Endpoint {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, as in a URL. */
export function endpointName({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
