import fs from 'node:fs';
import os from 'node:os';

const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x01021994, 'tmpfs'],
  [0x9123683e, 'btrfs'],
  [0x58465342, 'xfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
]);

/** The facts about the machine without which a figure is meaningless. */
export function machineFacts(directory: string): string {
  const cpus = os.cpus();
  const type = fs.statfsSync(directory).type;
  return [
    `${cpus[0]?.model ?? 'unknown cpu'}, ${cpus.length} ${cpus.length === 1 ? 'core' : 'cores'}`,
    `${os.type()} ${os.release()}, node ${process.version}`,
    `the store is on ${FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`}`,
  ].join('; ');
}
