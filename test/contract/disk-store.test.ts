import { describeGates } from './gate-contract.ts';
import { openDisk } from './parties.ts';
import { describeStore } from './store-contract.ts';

describeStore('the store on disk', openDisk);
describeStore('the store on disk, rotating at every record', () => openDisk({ rotateBytes: 1 }), {
  knowsReasons: false,
});
describeGates('gates on disk', openDisk);
describeGates('gates on disk, rotating at every record', () => openDisk({ rotateBytes: 1 }));
