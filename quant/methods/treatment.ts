/** How weights become codes. */
export type Rounding = { kind: 'nearest' } | GptqRounding;

export interface GptqRounding {
  kind: 'gptq';
  /** Added to the diagonal of the Hessian, as a share of its mean. */
  damping: number;
  /** Columns in descending order of the diagonal, with groups as they stand. */
  activationOrder: boolean;
  /** Share of the error of earlier layers that a layer makes up for: 0 … 1. */
  compensation: number;
  /** What squared errors are weighted by where scales are chosen: see `GptqOptions`. */
  clipWeights: 'none' | 'diagonal';
  /** Sweeps of coordinate descent after GPTQ, at most. */
  refine: number;
}

/** What is done to a float model so that less is lost when its weights are rounded. */
export interface Treatment {
  rotation: { seed: number } | undefined;
  smoothing: { alpha: number | 'auto' } | undefined;
  rounding: Rounding;
}

export const noTreatment: Treatment = { rotation: undefined, smoothing: undefined, rounding: { kind: 'nearest' } };

/** Whether tensors stand for themselves, so that each can be converted without a look at the others. */
export const isPlain = ({ rotation, smoothing, rounding }: Treatment): boolean =>
  rotation === undefined && smoothing === undefined && rounding.kind === 'nearest';

/** Whether the treatment looks at what the model does with a text. */
export const needsCalibration = ({ smoothing, rounding }: Treatment): boolean =>
  smoothing !== undefined || rounding.kind === 'gptq';
