import { MisuseError } from '../errors.ts';
import { OptionNames } from '../options/option-names.ts';

/** The tables of a database, and what else is done in its transaction. */
export interface TableOptions {
  /** The table of the counts, a row each. Default: `lockstep_hot`. */
  table?: string;
  /** The table of the orders, a row each. Default: `lockstep_hot_orders`. */
  orders?: string;
}

export interface Tables {
  readonly counts: string;
  readonly orders: string;
}

/** Also one in a schema of its own: `shop.orders`. A name that is no plain identifier could be part of a statement. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/;

/** @throws {MisuseError} */
export function tablesOf(call: string, options: TableOptions): Tables {
  new OptionNames<TableOptions>(`${call}(place, …)`, { table: true, orders: true }, { string: 'table' }).check(options);
  const { table = 'lockstep_hot', orders = 'lockstep_hot_orders' } = options;
  for (const [option, name] of Object.entries({ table, orders }))
    if (typeof name !== 'string' || !IDENTIFIER.test(name))
      throw new MisuseError(
        `${call}: ${option} must be the name of a table, of letters, digits and _, such as shop_orders or shop.orders, not ${JSON.stringify(name)}`,
      );
  if (table === orders) throw new MisuseError(`${call}: table and orders must be two tables, not ${table} twice`);
  return { counts: table, orders };
}
