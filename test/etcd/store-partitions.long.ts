import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HAS_SITES, SiteRig, says } from '../support/site-rig.ts';

/** The leases of these stores. */
const TTL_MS = 10_000;
/** Far less than a lease, also on a machine that has much else to do. */
const SOON_MS = 4_000;
/** At each look five hours forwards or backwards. */
const CLOCK_JUMPS = `const truth = Date.now; let looks = 0; Date.now = () => truth() + (looks++ % 2 ? 1 : -1) * 18_000_000;`;

describe.skipIf(!HAS_SITES)(
  'the store on three members, each at a site with programs of its own',
  { timeout: 120_000 },
  () => {
    let rig: SiteRig;
    beforeAll(async () => {
      rig = await SiteRig.start();
    }, 120_000);
    afterAll(() => rig?.stop());
    beforeEach(() => rig.begin());
    afterEach(() => rig.end(), 120_000);

    test('a holder that is cut off together with the leader hears of its loss before the next one is in, and releases at once; one on the other side keeps its lock', async () => {
      const { leader, other } = await rig.sites();
      const holder = rig.holder(leader);
      const [, token = 0] = await says(holder, 'in');
      const kept = rig.holder(other, 'another');
      await says(kept, 'in');
      const next = rig.holder(other);
      await rig.network.cut(leader, 'alone');
      const [lostMs = Number.NaN] = await says(holder, 'lost');
      const [inMs = 0, greater = 0] = await says(next, 'in');
      expect(lostMs).toBeLessThan(inMs);
      expect(greater).toBeGreaterThan(token);
      const start = performance.now();
      for (const program of [holder, kept]) program.order('leave');
      expect([await holder.line(), await holder.line(), await holder.line()]).toEqual([
        'held false',
        'LEASE_LOST',
        'out',
      ]);
      // It is still cut off, and asks nobody.
      expect(performance.now() - start).toBeLessThan(SOON_MS);
      expect([await kept.line(), await kept.line()]).toEqual(['held true', 'out']);
    });

    test('a leader that is cut off from the other members takes nothing from a holder that reaches them, nor from its waiter', async () => {
      const { leader } = await rig.sites();
      const holder = rig.holder(leader);
      await says(holder, 'in');
      const next = rig.holder(leader);
      await rig.network.cut(leader, 'members');
      await delay(1.3 * TTL_MS);
      holder.order('leave');
      expect([await holder.line(), await holder.line()]).toEqual(['held true', 'out']);
      await says(next, 'in');
    });

    test('a leader that is stopped takes nothing from a holder at its site, and a waiter there hears from another member', async () => {
      const { leader } = await rig.sites();
      const holder = rig.holder(leader);
      await says(holder, 'in');
      const next = rig.holder(leader);
      await rig.line('deploy', 2);
      rig.servers.signal(leader, 'SIGSTOP');
      const start = performance.now();
      holder.order('leave');
      expect([await holder.line(), await holder.line()]).toEqual(['held true', 'out']);
      await says(next, 'in');
      expect(performance.now() - start).toBeLessThan(TTL_MS);
    });

    test('a leader whose disk is slow, and a wall clock that jumps by hours, take nothing from a holder; its waiter gets in', async ({
      skip,
    }) => {
      const { leader, other } = await rig.sites();
      if (!(await rig.servers.slow(leader))) skip('no strace here');
      const holder = rig.holder(leader, 'deploy', CLOCK_JUMPS);
      await says(holder, 'in');
      const next = rig.holder(other);
      await delay(1.2 * TTL_MS);
      holder.order('leave');
      expect([await holder.line(), await holder.line()]).toEqual(['held true', 'out']);
      await says(next, 'in');
    });

    test('all members are gone for less than a lease, and come back: the holder holds, its waiter gets in', async () => {
      const { leader, other } = await rig.sites();
      const holder = rig.holder(leader);
      await says(holder, 'in');
      const next = rig.holder(other);
      for (const site of [0, 1, 2]) await rig.servers.kill(site);
      await delay(0.3 * TTL_MS);
      for (const site of [0, 1, 2]) rig.servers.start(site);
      await rig.servers.answer();
      holder.order('leave');
      expect([await holder.line(), await holder.line()]).toEqual(['held true', 'out']);
      await says(next, 'in');
    });

    test('all members are gone for longer than a lease, and come back: the holder has heard of its loss, one that waited is told, and the next one gets in', async () => {
      const { leader, other } = await rig.sites();
      const holder = rig.holder(leader);
      await says(holder, 'in');
      const waiter = rig.program(
        other,
        `const lease = await new Lock('deploy', { store }).acquire().catch((error) => error);
       console.log(lease.token === undefined ? lease.code : 'in');`,
      );
      await rig.line('deploy', 2);
      for (const site of [0, 1, 2]) rig.servers.signal(site, 'SIGSTOP');
      await says(holder, 'lost');
      const outcome = waiter.line();
      await delay(0.3 * TTL_MS);
      for (const site of [0, 1, 2]) rig.servers.signal(site, 'SIGCONT');
      expect(['in', 'EVICTED']).toContain(await outcome);
      await waiter.end('SIGKILL');
      await says(rig.holder(other), 'in');
    });
  },
);
