import { openDisk } from './parties.ts';
import { describeStore } from './store-contract.ts';

describeStore('the store on disk', openDisk);
describeStore('the store on disk, rotating at every record', () => openDisk({ rotateBytes: 1 }));
