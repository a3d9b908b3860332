import { describeGates } from './gate-contract.ts';
import { openMemory } from './parties.ts';
import { describeStore } from './store-contract.ts';

describeStore('the reference model in memory', openMemory);
describeGates('gates in memory', openMemory);
