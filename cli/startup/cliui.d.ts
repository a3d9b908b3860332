declare module 'cliui' {
  interface Column {
    text: string;
    width?: number;
    padding?: [number, number, number, number];
  }
  interface UI {
    div(...columns: Column[]): unknown;
    toString(): string;
  }
  export default function cliui(options: { width: number; wrap?: boolean }): UI;
}
