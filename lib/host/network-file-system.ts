/** File systems on which appends from several machines are not atomic, by their `statfs` type. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01021997, '9P'],
  [0x6a656a63, 'virtiofs'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x19830326, 'BeeGFS'],
  [0x6b414653, 'AFS'],
]);
/** FUSE may be anything: usable by one machine's processes, but another machine may have it mounted too. */
export const FUSE = 0x65735546;

/** The name of a network file system; undefined for any other. */
export function networkFileSystem(type: number | null): string | undefined {
  return type === null ? undefined : NETWORK_FILE_SYSTEMS.get(type);
}
