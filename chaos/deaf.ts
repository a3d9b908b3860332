import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// A shim for `node --import`, used where no user namespace is available: file notifications fail, as when inotify
// instances have run out.

fs.watch = (() => {
  throw Object.assign(new Error('EMFILE: too many open files, watch'), { code: 'EMFILE' });
}) as typeof fs.watch;
syncBuiltinESMExports();
