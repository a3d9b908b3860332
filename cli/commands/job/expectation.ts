/** A file of its own, so that only a job with `--expect` loads the library that parses cron expressions. */
export { parseExpectation } from '../../../lib/internal.ts';
export { crontabZone, intervalZone } from './zone.ts';
