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

/** The facts about a machine without which a figure is meaningless. */
export interface Machine {
  cpu: string;
  cores: number;
  system: string;
  node: string;
  /** The file system of the stores. */
  fileSystem: string;
}

export function machineOf(directory: string): Machine {
  const cpus = os.cpus();
  const type = fs.statfsSync(directory).type;
  return {
    cpu: cpus[0]?.model ?? 'unknown cpu',
    cores: cpus.length,
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
  };
}

export function machineText({ cpu, cores, system, node, fileSystem }: Machine): string {
  return `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}; ${system}, Node ${node}; the store is on ${fileSystem}`;
}
