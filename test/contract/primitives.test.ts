import { describePatience } from './deadlock-contract.ts';
import { openDisk, openMemory } from './parties.ts';
import { describePrimitives } from './primitives-contract.ts';

describePrimitives('on disk', openDisk);
describePrimitives('on disk, rotating at every record', () => openDisk({ rotateBytes: 1 }));
describePrimitives('in memory', openMemory);
describePatience('in memory', openMemory);
