import { words } from './frame.ts';
import { LABEL_SIZE } from './labels.ts';
import { element, text } from './svg.ts';

/** A picture with a heading, and what it says for those who cannot see it. */
export interface Page {
  /** First bytes of the file, by which it is known to be one of ours. */
  mark: string;
  width: number;
  height: number;
  /** What it is a picture of. */
  title: string;
  /** All values in words. */
  description: string;
  heading: string;
  subtitle: string;
  /** Rules of style besides the common ones, for light grounds and for dark ones. */
  style: { light: string; dark: string };
  /** SVG already. */
  content: readonly string[];
  /** Said below the picture. */
  notes: readonly string[];
}

export function drawPage(page: Page): string {
  const { width, height } = page;
  // Characters of a line at 0.6 em and 12 pixels.
  const characters = Math.floor((width - 32) / (0.6 * 12));
  const svg = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-labelledby': 'title desc',
    },
    element('title', { id: 'title' }, text(page.title)),
    element('desc', { id: 'desc' }, text(page.description)),
    element('style', {}, styleSheet(page.style)),
    element('rect', { class: 'ground', width, height }),
    words('heading', 16, 30, 'start', fit(page.heading, characters * 0.75)),
    words('title', 16, 52, 'start', fit(page.subtitle, characters)),
    ...page.content,
    words('tick', 16, height - 14, 'start', fit(page.notes.join('; '), characters)),
  );
  return `${page.mark}\n${svg}\n`;
}

/** A line of at most so many characters. */
export function fit(content: string, characters: number): string {
  return content.length <= characters ? content : `${content.slice(0, Math.floor(characters) - 1)}…`;
}

/** Colours for light grounds, and for dark ones where the viewer says that it prefers them. */
const styleSheet = ({ light, dark }: Page['style']): string => `
text { font-family: system-ui, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-size: 12px; fill: #1f2328; }
.heading { font-size: 16px; font-weight: 600; }
.label { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: ${LABEL_SIZE}px; }
.tick { fill: #59636e; }
.ground { fill: #ffffff; }
.grid { stroke: #e4e7eb; }
.axis { stroke: #818b98; }
.leader { stroke: #818b98; stroke-width: 0.75; }
${light}
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.tick { fill: #9198a1; }
.ground { fill: #0d1117; }
.grid { stroke: #262c36; }
${dark}
}
`;
