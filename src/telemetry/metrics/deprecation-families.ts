import type { DeprecatedUses } from '../deprecations/deprecated-uses.ts';
import type { FamilyOptions } from './family.ts';

/** Who uses what is deprecated. Who never did has no series: callers are not known before. */
export function deprecationFamilies(uses: DeprecatedUses): readonly FamilyOptions[] {
  return [
    {
      name: 'inboard_deprecated_use_total',
      help: 'Calls of deprecated methods, and request messages with a deprecated field set.',
      type: 'counter',
      collect: (series) => {
        for (const part of uses.parts()) {
          for (const { labels, calls } of part.uses()) series.add(labels, calls);
        }
      },
    },
  ];
}
