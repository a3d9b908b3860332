import { spawnSync } from 'node:child_process';

/** The command that starts another one as the first process of a container: pid namespace, `/proc`, mounts of its own. */
export const CONTAINER = ['unshare', '--pid', '--mount', '--fork', '--mount-proc', '--kill-child'];

/** Where `unshare` is not permitted no other namespace can be made. */
export const mayContain = spawnSync('unshare', [...CONTAINER.slice(1), 'true']).status === 0;
