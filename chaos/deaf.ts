import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// A shim, by `node --import`, where no user namespace is to be had: no file notifications, as when inotify has
// run out.

fs.watch = (() => {
  throw Object.assign(new Error('EMFILE: too many open files, watch'), { code: 'EMFILE' });
}) as typeof fs.watch;
syncBuiltinESMExports();
