import { MisuseError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { chosenStore, storeOf } from '../stores/open-store.ts';
import type { Back } from './back.ts';
import type { HotSide } from './hot-side.ts';
import { JournalHotSide } from './journal-hot-side.ts';
import { jsonBack } from './json-back.ts';
import { RedisHotSide } from './redis/redis-hot-side.ts';
import { withoutPassword } from './secret.ts';
import { mysqlBack } from './servers/mysql-back.ts';
import { postgresBack } from './servers/postgres-back.ts';
import { sqliteBack } from './sqlite/sqlite-back.ts';
import { WatchedHotSide } from './watched-hot-side.ts';

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/** The hot side that an option names. @throws {MisuseError} */
export function hotSideAt(name: string, place: string | undefined, store: Store | string | undefined): HotSide {
  if (place === undefined) return new WatchedHotSide(name, new JournalHotSide(storeOf(chosenStore(store)), name));
  if (typeof place === 'string' && /^rediss?:/i.test(place)) return new RedisHotSide(name, place);
  throw new MisuseError(
    `'${withoutPassword(String(place))}' is no place where counts are sold: write redis://HOST:6379`,
  );
}

/** The database that an option names. @throws {MisuseError} */
export function backAt(place: string): Back {
  const [, scheme] = SCHEME.exec(place) ?? [];
  if (scheme === undefined) return /\.json$/i.test(place) ? jsonBack(place) : sqliteBack(place);
  if (/^(mysql|mariadb)$/i.test(scheme)) return mysqlBack(place);
  if (/^postgres(ql)?$/i.test(scheme)) return postgresBack(place);
  throw new MisuseError(
    `'${withoutPassword(place)}' is no database that hot counts are written back to: write the path of a file of SQLite, mysql://USER@HOST/DATABASE or postgres://USER@HOST/DATABASE`,
  );
}
