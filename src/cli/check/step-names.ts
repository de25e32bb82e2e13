/** The steps of a check, in the order in which they run. */
export const STEPS = ['lint', 'format', 'breaking', 'policy', 'generated'] as const;

export type StepName = (typeof STEPS)[number];
