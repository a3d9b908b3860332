import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Disk } from '../../lib/disk.ts';
import { DiskStore } from '../../lib/disk-store.ts';
import { nodeHost } from '../../lib/node-host.ts';
import { Session } from '../../lib/session.ts';
import { openStoreDirectory } from '../../lib/store-directory.ts';
import { describeStore, type Parties } from './store-contract.ts';

function open(rotateBytes?: number): Parties {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-contract-'));
  const disks: Disk[] = [];
  const store = () => {
    const directory = openStoreDirectory(nodeHost, path.join(root, 'store'));
    const rotate = rotateBytes === undefined ? {} : { rotateBytes };
    const disk = new Disk({ host: nodeHost, session: new Session(nodeHost), directory, heartbeatMs: 0, ...rotate });
    disks.push(disk);
    return new DiskStore(nodeHost, disk, directory.path);
  };
  const close = () => {
    // What still stood in line would be given back at exit, and that makes a deleted store again.
    for (const disk of disks) endEverything(disk);
    for (const disk of disks) disk.presence.withdraw();
    fs.rmSync(root, { recursive: true, maxRetries: 10, retryDelay: 20 });
  };
  return { one: store(), other: store(), close };
}

describeStore('the store on disk', open);
describeStore('the store on disk, rotating at every record', () => open(1));

function endEverything(disk: Disk): void {
  for (const name of disk.names()) {
    for (const { ticket } of disk.snapshot(name)?.entries ?? [])
      disk.evict(name, ticket, { reason: 'over', by: 'test' });
  }
}
