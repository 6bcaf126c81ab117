/** A long text in blocks, so that the browser lays out anew what is added to it, and not all of it. */

/** Characters that a block has at least; it ends with the line in which it has them. */
const LEAST = 4000;

/** The text in order. As a text grows, its blocks stay as they are, but for the last. */
export function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let start = 0;
  for (;;) {
    const end = text.indexOf("\n", start + LEAST);
    if (end < 0) return [...blocks, text.slice(start)];
    blocks.push(text.slice(start, end + 1));
    start = end + 1;
  }
}
