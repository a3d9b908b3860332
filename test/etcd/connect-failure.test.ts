import { expect, test } from 'vitest';
import { connectFailure } from '../../lib/etcd/client/connect-failure.ts';

test.each([
  'unable to verify the first certificate',
  'unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca',
])('an untrusted certificate is corrected in the URL, whatever Node advises: %s', (message) => {
  const failure = connectFailure(Object.assign(new Error(message), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }), true);
  expect(failure.message).toBe(
    'its certificate is not trusted: unable to verify the first certificate; the URL names its authority with ca=FILE',
  );
});
