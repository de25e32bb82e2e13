import { describe, expect, test } from 'vitest';

import { JsonTexts } from '../../src/cli/contract/json-texts.ts';

/** The documents in a text that comes in pieces of a size. */
function cut(text: string, size: number): string[] {
  const texts = new JsonTexts();
  const found: string[] = [];
  for (let at = 0; at < text.length; at += size) {
    found.push(...texts.push(text.slice(at, at + size)).map((each) => each.text));
  }
  return [...found, ...texts.end().map((each) => each.text)];
}

describe('JSON documents one after the other', () => {
  const cases: [text: string, documents: string[]][] = [
    ['', []],
    [' \n\t', []],
    ['{}{}', ['{}', '{}']],
    ['{"a":\n{"b":[{}]}}\n[1]\n', ['{"a":\n{"b":[{}]}}', '[1]']],
    [String.raw`{"a":"}\"{\\"}"3s" 5 true`, [String.raw`{"a":"}\"{\\"}`, '"3s"', '5', 'true']],
    ['{"half": ', ['{"half":']],
    ['} {}', ['}', '{}']],
  ];

  test.each(cases)('%j', (text, documents) => {
    for (const size of [1, 2, 3, 100]) expect(cut(text, size)).toEqual(documents);
  });

  test('are given out as soon as they end, with the line that they begin at', () => {
    const texts = new JsonTexts();
    expect(texts.push('\n{"a"')).toEqual([]);
    expect(texts.push(':1\n}\n\n{')).toEqual([{ text: '{"a":1\n}', line: 2 }]);
    expect(texts.push('}')).toEqual([{ text: '{}', line: 5 }]);
  });
});
