import { expect, test } from 'vitest';
import type { Sale } from './sale.ts';

/** A hang guard. */
const LONGEST_MS = 120_000;

const STEPS = ['before', 'in', 'after', 'trimmed'] as const;

/**
 * Writers that are killed at each step, and others that take over. `open`: a sale of which the log holds a tenth, so that it
 * needs ten transactions. */
export function testCrashes(open: () => Sale): void {
  test(
    'writers are killed before the transaction, in it, after the commit and after the trim: nothing is sold twice or lost',
    async () => {
      const sale = open();
      await sale.begin();
      for (const at of STEPS) {
        const writer = sale.writer({ at, transaction: 2 });
        expect(await writer.ended).toEqual([null, 'SIGKILL']);
        // It did what it was killed in the middle of.
        expect(writer.reports.some(({ is }) => is === 'written')).toBe(true);
      }
      const last = sale.writer();
      await sale.soldOut();
      await sale.counter.flush();
      last.say('end');
      expect((await last.ended)[0]).toBe(0);
      await sale.checkExact();
    },
    LONGEST_MS,
  );

  test(
    'of two writers one writes; the second takes over when the first is killed',
    async () => {
      const sale = open();
      const writers = [sale.writer(), sale.writer()] as const;
      await sale.begin();
      const first = await Promise.race(
        writers.map(async (writer) => {
          await writer.reported(({ is }) => is === 'written');
          return writer;
        }),
      );
      const second = first === writers[0] ? writers[1] : writers[0];
      expect(second.reports.filter(({ is }) => is === 'written')).toEqual([]);
      first.kill('SIGKILL');
      const { token = 0 } = await second.reported(({ is }) => is === 'written');
      expect(token).toBeGreaterThan(first.reports.find(({ is }) => is === 'written')?.token ?? 0);
      await sale.soldOut();
      await sale.counter.flush();
      await sale.checkExact();
    },
    LONGEST_MS,
  );

  test(
    'a writer that stood still while another one took over is refused by its token, and stands in line again',
    async () => {
      const sale = open();
      await sale.begin();
      const old = sale.writer({ at: 'before', transaction: 2, signal: 'SIGSTOP' });
      await old.reported(({ is }) => is === 'written');
      const { token = 0 } = old.reports.find(({ is }) => is === 'written') ?? {};
      await expect.poll(async () => (await sale.counter.status()).unwritten, { timeout: 20_000 }).toBeGreaterThan(0);
      const young = sale.writer();
      await young.reported(({ is }) => is === 'ready');
      // An operator takes it for dead.
      await expect
        .poll(() => sale.lock.store.evict(sale.lock.name, token, { reason: 'broken', by: 'a test' }), {
          timeout: 20_000,
        })
        .toBe(true);
      await young.reported(({ is }) => is === 'written');
      old.kill('SIGCONT');
      const trouble = await old.reported(({ is }) => is === 'trouble');
      expect(['HOT_FENCED', 'LEASE_LOST']).toContain(trouble.code);
      await sale.soldOut();
      await sale.counter.flush();
      await sale.checkExact();
    },
    LONGEST_MS,
  );
}
