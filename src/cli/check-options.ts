/** The steps of a check, in the order in which they run: what matters most comes first. */
export const STEPS = ['breaking', 'policy', 'lint', 'format', 'generated'] as const;

export type StepName = (typeof STEPS)[number];

/** Tags that are releases where nobody says which are, as `git describe --match` takes them. */
export const RELEASE_TAGS = 'v[0-9]*';

/** Those of them that promise nothing yet: `v2.0.0-rc.1`. */
export const PRE_RELEASE_TAGS = 'v*-*';
