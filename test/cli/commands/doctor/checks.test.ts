import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkFileSystem } from '../../../../cli/commands/doctor/file-system.ts';
import { checkProcesses, checkSystem, checkWatches } from '../../../../cli/commands/doctor/machine.ts';
import type { Patient } from '../../../../cli/commands/doctor/patient.ts';
import { checkPlace } from '../../../../cli/commands/doctor/place.ts';
import { checkFiles } from '../../../../cli/commands/doctor/probe.ts';
import { mountIn, realSystem, type System } from '../../../../cli/commands/doctor/system.ts';
import type { Files, Host } from '../../../../lib/host/host.ts';
import { nodeHost } from '../../../../lib/host/node-host.ts';
import { temporaryDirectory } from '../../../support/tape.ts';

let place: string;
beforeEach(() => {
  place = temporaryDirectory();
});

function patient(system: Partial<System> = {}, host: Host = nodeHost, more: Partial<Patient> = {}): Patient {
  const chosen = { place, chosenBy: 'default', defaultPlace: place, nearest: place } as const;
  const found = { isThere: true, foreignOwner: null };
  return { host, system: { ...realSystem, ...system }, env: {}, oldestNode: '20.19', ...chosen, ...found, ...more };
}

function hostWith(files: Partial<Files>): Host {
  return { ...nodeHost, files: { ...nodeHost.files, ...files } };
}

function on(type: string, ...options: string[]): Partial<System> {
  return { mountOf: () => ({ at: '/', type, options }) };
}

const NO_CONTAINER = { read: () => null };

describe('the system', () => {
  test('of an older Node is a problem, and of the oldest that will do is none', () => {
    expect(checkSystem(patient({ nodeVersion: '20.18.9' })).list).toMatchObject([
      { level: 'problem', what: expect.stringContaining('20.19') },
    ]);
    for (const nodeVersion of ['20.19.0', '22.1.0', '100.0.0'])
      expect(checkSystem(patient({ nodeVersion, platform: 'linux' })).isCalm).toBe(true);
  });

  test('without /bin/sh is a problem', () => {
    expect(checkSystem(patient({ isExecutable: () => false })).list).toMatchObject([
      { level: 'problem', where: '/bin/sh' },
    ]);
  });

  test('on which Lockstep was not tried is reported', () => {
    expect(checkSystem(patient({ platform: 'darwin' })).list).toMatchObject([{ level: 'note' }]);
  });
});

describe('the processes', () => {
  function self(facts: Partial<ReturnType<Host['processes']['self']>>): Host {
    return {
      ...nodeHost,
      processes: { ...nodeHost.processes, self: () => ({ ...nodeHost.processes.self(), ...facts }), uid: () => 1000 },
    };
  }

  test('whose start, boot or namespace the kernel does not show are warned of', () => {
    const linux = { ...NO_CONTAINER, ...on('proc'), platform: 'linux' } as const;
    for (const facts of [{ start: 0 }, { boot: '' }, { namespace: 0 }])
      expect(checkProcesses(patient(linux, self({ start: 1, boot: 'b', namespace: 1, ...facts }))).list).toMatchObject([
        { level: 'warning' },
      ]);
    expect(checkProcesses(patient(linux, self({ start: 1, boot: 'b', namespace: 1 }))).isCalm).toBe(true);
  });

  test.each(['hidepid=2', 'hidepid=invisible', 'hidepid=1', 'hidepid=ptraceable'])(
    'of others behind %s are reported',
    (option) => {
      const found = checkProcesses(
        patient({ ...NO_CONTAINER, ...on('proc', 'rw', option) }, self({ start: 1, boot: 'b', namespace: 1 })),
      );
      expect(found.list).toMatchObject([{ level: 'note', what: expect.stringContaining(option) }]);
    },
  );

  test('that are not hidden are not reported', () => {
    for (const option of ['hidepid=0', 'hidepid=off'])
      expect(
        checkProcesses(patient({ ...NO_CONTAINER, ...on('proc', option) }, self({ start: 1, boot: 'b', namespace: 1 })))
          .isCalm,
      ).toBe(true);
  });

  test('that can have no lifelines are reported, and those of a container that can are not', () => {
    const container = { ...on('proc'), read: (file: string) => (file === '/.dockerenv' ? '' : null) };
    const known = self({ start: 1, boot: 'b', namespace: 1 });
    expect(checkProcesses(patient({ ...container, isExecutable: () => true }, known)).isCalm).toBe(true);
    expect(checkProcesses(patient({ ...container, isExecutable: () => false }, known)).list).toMatchObject([
      { level: 'note', what: 'there is no mkfifo' },
    ]);
  });
});

describe('the inotify instances', () => {
  test('are warned of near their limit', () => {
    const read = () => '128\n';
    expect(checkWatches(patient({ read, inotifyInstances: () => 127 })).list).toMatchObject([
      { level: 'warning', what: '127 of 128 inotify instances are in use' },
    ]);
    expect(checkWatches(patient({ read, inotifyInstances: () => 12 })).isCalm).toBe(true);
  });

  test.runIf(process.platform === 'linux')('are counted as they are', () => {
    const before = realSystem.inotifyInstances();
    const stop = nodeHost.files.watch(place, () => undefined);
    expect(realSystem.inotifyInstances()).toBeGreaterThanOrEqual(Math.max(1, before));
    stop();
  });
});

describe('the file system', () => {
  test.each([
    ['tmpfs', 'warning'],
    ['ramfs', 'warning'],
    ['overlay', 'warning'],
    ['fuse.sshfs', 'warning'],
    ['ext4', 'ok'],
  ])('%s: %s', (type, level) => {
    expect(checkFileSystem(patient(on(type, 'rw')), null).list).toMatchObject([{ level }]);
  });

  test('that is read-only is a problem', () => {
    expect(checkFileSystem(patient(on('ext4', 'ro')), null).list).toMatchObject([{ level: 'problem' }]);
  });

  test('is that of the innermost mount, the last one where there are several', () => {
    const line = (at: string, type: string) => `22 27 0:21 / ${at} rw,relatime shared:1 - ${type} none rw`;
    const table = [line('/', 'ext4'), line('/srv', 'xfs'), line('/srv/a\\040b', 'tmpfs'), line('/srv', 'btrfs')].join(
      '\n',
    );
    expect(mountIn(table, '/srv/store')?.type).toBe('btrfs');
    expect(mountIn(table, '/srv/a b/store')?.type).toBe('tmpfs');
    expect(mountIn(table, '/srvother')?.type).toBe('ext4');
    expect(mountIn('', '/srv')).toBeNull();
  });
});

describe('files there', () => {
  async function levels(host: Host, guarded = false): Promise<string[]> {
    const found = await checkFiles(patient({}, host), guarded ? ({ guarded } as never) : null);
    expect(fs.readdirSync(place)).toEqual([]);
    return found.list.map(({ level, what }) => `${level}: ${what}`);
  }

  test('are well on a file system that is', async () => {
    expect(await levels(nodeHost)).toEqual([expect.stringMatching(/^ok/)]);
  });

  test('that can be made twice are a problem', async () => {
    const create: Files['create'] = (file, mode) => fs.openSync(file, 'w', mode);
    expect(await levels(hostWith({ create }))).toEqual([expect.stringMatching(/^problem: .*O_EXCL/)]);
  });

  test('in which appends overwrite each other are a problem', async () => {
    const openForAppend: Files['openForAppend'] = (file) => fs.openSync(file, 'r+');
    expect(await levels(hostWith({ openForAppend }))).toEqual([expect.stringMatching(/^problem: .*O_APPEND/)]);
  });

  test('that cannot be linked, or whose links are copies, are a problem', async () => {
    const link: Files['link'] = (from, to) => {
      if (fs.existsSync(to)) return false;
      fs.copyFileSync(from, to);
      return true;
    };
    expect(await levels(hostWith({ link }))).toEqual([expect.stringMatching(/^problem: .*link/)]);
    const denied = () => {
      throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
    };
    expect(await levels(hostWith({ link: denied }))).toEqual([expect.stringMatching(/^problem: .*EPERM/)]);
  });

  test('that cannot be watched are warned of', async () => {
    const watch = () => {
      throw Object.assign(new Error('EMFILE: too many open files, watch'), { code: 'EMFILE', syscall: 'watch' });
    };
    expect(await levels(hostWith({ watch }))).toEqual([expect.stringMatching(/^warning: .*EMFILE/)]);
    expect(await levels(hostWith({ watch: () => () => undefined }))).toEqual([
      expect.stringMatching(/^warning: .*no change is reported/),
    ]);
  });

  test('that are dated by another clock are warned of; in a guarded store it is a problem', async () => {
    // This machine's clock stands still: what passes in between would be in the figures.
    const dated = (aheadMs: number): Host => {
      const look: Files['look'] = (file) => {
        const facts = nodeHost.files.look(file);
        return facts && { ...facts, modifiedMs: 1e12 + aheadMs };
      };
      return { ...hostWith({ look }), clock: { ...nodeHost.clock, wallMicros: () => 1e15 } };
    };
    expect(await levels(dated(60_000))).toEqual([expect.stringMatching(/^warning: .*60\.0 s ahead of/)]);
    expect(await levels(dated(-60_000), true)).toEqual([expect.stringMatching(/^problem: .*60\.0 s behind/)]);
    expect(await levels(dated(500))).toEqual([expect.stringMatching(/^ok/)]);
  });
});

describe('the place', () => {
  test('is warned of if the environment names one, and the one without it is used too', () => {
    const other = temporaryDirectory();
    const named = { chosenBy: 'LOCKSTEP_DIR', defaultPlace: other } as const;
    expect(checkPlace(patient({}, nodeHost, named)).list[1]).toMatchObject({ level: 'note' });
    fs.mkdirSync(path.join(other, 'resources', 'deploy'), { recursive: true });
    expect(checkPlace(patient({}, nodeHost, named)).list[1]).toMatchObject({
      level: 'warning',
      what: expect.stringContaining(other),
    });
    expect(checkPlace(patient({}, nodeHost, { ...named, defaultPlace: place })).isCalm).toBe(true);
  });

  test('in /var/tmp, and root’s under sudo, are reported', () => {
    const inTmp = '/var/tmp/lockstep-1000';
    expect(checkPlace(patient({}, nodeHost, { place: inTmp, defaultPlace: inTmp })).list[1]).toMatchObject({
      level: 'note',
    });
    const root = { ...nodeHost, processes: { ...nodeHost.processes, uid: () => 0 } };
    expect(checkPlace(patient({}, root, { env: { SUDO_USER: 'ada' } })).list[1]).toMatchObject({
      level: 'note',
      what: expect.stringContaining('ada'),
    });
  });
});
