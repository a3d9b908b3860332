/**
 * The program of `child-main.ts` as one text of CommonJS, with all that it imports. The bundler puts it here in `dist/`
 * (`rolldown.config.js`). Null elsewhere: there the file itself is beside this one.
 */
export const CHILD_CODE: string | null = null;
