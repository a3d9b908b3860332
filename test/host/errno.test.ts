import os from 'node:os';
import { expect, test } from 'vitest';
import { MisuseError, StoreError } from '../../lib/errors.ts';
import { errnoName, isErrno, messageOf, nameOfErrno, systemError } from '../../lib/host/errno.ts';
import { storeErrorOf } from '../../lib/host/system-error.ts';
import { type Maker, nodeError } from '../faults/node-error.ts';

const AT = { operation: 'write', resource: 'deploy', path: '/store/deploy' };
const MAKERS: readonly Maker[] = ['javascript', 'native'];

test.each(MAKERS)('every system error has a name or at least its number, made in %s by Node', (by) => {
  for (const [name, number] of Object.entries(os.constants.errno)) {
    const error = nodeError(name, 'write', by);
    expect(errnoName(error)).toBe(nameOfErrno(number));
    expect(storeErrorOf(error, AT)).toBeInstanceOf(StoreError);
  }
});

test.each(MAKERS)('an error that libuv has no name for is known by its number, made in %s', (by) => {
  expect(errnoName(nodeError('EDQUOT', 'write', by))).toBe('EDQUOT');
  expect(storeErrorOf(nodeError('EDQUOT', 'write', by), AT)).toMatchObject({
    code: 'STORE_FULL',
    message: 'deploy: cannot write /store/deploy: the disk quota is used up (EDQUOT). Free some space, then try again.',
  });
  expect(storeErrorOf(nodeError('ESTALE', 'open', by, '/x'), AT)).toMatchObject({ code: 'STORE_GONE', path: '/x' });
  expect(storeErrorOf(nodeError('EUCLEAN', 'open', by, '/x'), AT)).toMatchObject({
    code: 'STORE_IO',
    message: expect.stringMatching(/the file system is damaged \(EUCLEAN\)/),
  });
});

test.each(MAKERS)('an error that nobody has a name for is a StoreError with its number, made in %s', (by) => {
  expect(storeErrorOf(nodeError('errno 524', 'write', by), AT)).toMatchObject({
    code: 'STORE_IO',
    message:
      'deploy: cannot write /store/deploy: the system failed with error number 524 (errno 524). Check the disk and the system log, then try again.',
  });
});

test.each(['ERR_FS_FILE_TOO_LARGE', 'ERR_STRING_TOO_LONG', 'ERR_BUFFER_TOO_LARGE'])(
  'a limit of Node (%s) is no bug of ours',
  (code) => {
    const error = Object.assign(new RangeError('too large'), { code });
    expect(storeErrorOf(error, AT)).toMatchObject({ code: 'STORE_IO', cause: error });
  },
);

test('a SystemError of Node (positive number, a code of its own) is known by its number', () => {
  const error = Object.assign(new Error('Path is a directory'), { code: 'ERR_FS_EISDIR', errno: 21, syscall: 'rm' });
  expect(storeErrorOf(error, AT)).toMatchObject({ code: 'STORE_UNSAFE' });
});

test('what is no system error passes through: a bug, an argument that makes no sense, an error of ours', () => {
  const bug = new TypeError('x is not a function');
  const argument = Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_VALUE' });
  for (const error of [bug, argument, new MisuseError('m'), new StoreError('STORE_IO', 'm', { path: '/' }), null, 'x'])
    expect(storeErrorOf(error, AT)).toBe(error);
});

test('an error is compared by what it is, whatever Node calls it', () => {
  for (const by of MAKERS) {
    expect(isErrno(nodeError('ESTALE', 'open', by), 'ENOENT', 'ESTALE')).toBe(true);
    expect(isErrno(nodeError('EDQUOT', 'open', by), 'ENOENT', 'ESTALE')).toBe(false);
  }
  expect(isErrno(systemError('ENOSPC', 'x'), 'ENOSPC')).toBe(true);
  expect(isErrno(new Error('x'), 'ENOSPC')).toBe(false);
});

test('a message names what Node has no words for', () => {
  expect(messageOf(nodeError('EDQUOT', 'write', 'javascript'))).toBe('EDQUOT, write');
  expect(messageOf(nodeError('ESTALE', 'open', 'native', '/x'))).toBe("ESTALE, open '/x'");
  expect(messageOf(nodeError('ENOSPC', 'write', 'native'))).toBe('ENOSPC: no space left on device, write');
});
