/** The codes of certificates that no known authority has signed. (https://nodejs.org/api/tls.html, "X509 certificate error codes") */
const UNTRUSTED = [
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
];
/** The alerts of a server that wants a certificate of the client's, or another one. */
const REFUSED_OURS = /ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|HANDSHAKE_FAILURE)/;
const NO_TLS = ['ECONNRESET', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'];

interface TlsError extends Error {
  readonly code?: string;
  /** OpenSSL's own words, without the place in its sources. */
  readonly reason?: string;
}

/**
 * The reason why a connection was not made, in words that name the part of the URL to correct.
 *
 * @param error what Node reports; null if the server only closed the connection
 */
export function connectFailure(error: TlsError | null, isTls: boolean): Error {
  const because = (words: string) => new Error(words, error === null ? {} : { cause: error });
  if (error === null) {
    const closed = 'it closed the connection';
    return because(isTls ? closed : `${closed} at once: if it speaks TLS, the URL must begin with etcds://`);
  }
  const { code = '', reason, message } = error;
  if (!isTls) return error;
  if (UNTRUSTED.includes(code))
    return because(
      `its certificate is not trusted: ${withoutAdvice(message)}; the URL names its authority with ca=FILE`,
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return because(`${message}; the URL names the host of the certificate with server-name=HOST`);
  if (REFUSED_OURS.test(code))
    return because(`it refuses this client's certificate (${reason}): the URL names one with cert=FILE and key=FILE`);
  if (NO_TLS.includes(code))
    return because(`it speaks no TLS (${reason ?? message}): if that is so, the URL must begin with etcd://`);
  return reason === undefined ? error : because(`TLS: ${reason}`);
}

/** A current Node adds an option of its own, which is none of ours. */
function withoutAdvice(message: string): string {
  return message.split('; ', 1)[0] ?? message;
}
