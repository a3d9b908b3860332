/**
 * The program of `keeper-main.ts` as one text of CommonJS, with all that it imports. The bundler puts it here in `dist/lib`
 * (`rolldown.config.js`). Null elsewhere: there the file itself is beside this one.
 */
export const KEEPER_CODE: string | null = null;
