import { afterEach, beforeEach, describe } from 'vitest';
import { testCrashes } from './crashes.ts';
import { HotRig } from './hot-rig.ts';
import { Sale } from './sale.ts';

describe('a sale from the journal, written back to SQLite', () => {
  let rig: HotRig;
  let sale: Sale;
  beforeEach(() => {
    rig = new HotRig();
    sale = new Sale(rig, rig.sqlite(), { tickets: 400, maxLog: 40, place: rig.path('shop.sqlite') });
  });
  afterEach(async () => {
    await sale.end();
    await rig.end();
  });
  testCrashes(() => sale);
});
