import type { Page } from 'playwright-core';

export interface Contrast {
  readonly text: string;
  readonly colours: string;
  readonly ratio: number;
}

/** The contrast of every text that can be seen with what it stands on (WCAG 2.2, 1.4.3). */
export function contrasts(page: Page): Promise<Contrast[]> {
  return page.evaluate(() => {
    const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (pen === null) throw new Error('no canvas');
    /** Whatever way a colour is written: red, green, blue and alpha, 0 to 255. */
    const parts = (colour: string): number[] => {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const groundOf = (start: Element): string => {
      for (let at: Element | null = start; at !== null; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if ((parts(colour)[3] ?? 0) === 255) return colour;
      }
      return getComputedStyle(document.body).backgroundColor;
    };
    const light = (colour: string): number => {
      const [red = 0, green = 0, blue = 0] = parts(colour).map((part) => {
        const share = part / 255;
        return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found: Contrast[] = [];
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const text = node.textContent?.trim() ?? '';
      const holder = node.parentElement;
      if (text === '' || holder === null || !holder.checkVisibility({ visibilityProperty: true })) {
        continue;
      }
      if (holder.matches('script, style, option, button:disabled')) continue;
      const colour = getComputedStyle(holder).color;
      const ground = groundOf(holder);
      const [a, b] = [light(colour), light(ground)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      found.push({ text: text.slice(0, 40), colours: `${colour} on ${ground}`, ratio });
    }
    return found;
  });
}
