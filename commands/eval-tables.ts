import type { LogRatio } from '../eval/perplexity/comparison.ts';
import type { DivergenceSummary } from '../eval/perplexity/divergence-summary.ts';
import { formatTable, right, type Column } from './text.ts';

/** A column and what stands in it. */
export interface Cells<Row> {
  column: Column;
  cell: (row: Row, index: number) => string;
}

export function tableOf<Row>(cells: readonly Cells<Row>[], rows: readonly Row[]): string {
  return formatTable(
    cells.map(({ column }) => column),
    rows.map((row, index) => cells.map(({ cell }) => cell(row, index))),
  );
}

/** How far distributions are from those of the first row; `none` where that is not known. */
export function divergenceCells(none: string): Cells<{ divergence?: DivergenceSummary | undefined }>[] {
  const cells = (
    title: string,
    cell: (divergence: DivergenceSummary) => string,
  ): ReturnType<typeof divergenceCells>[0] => ({
    column: right(title),
    cell: ({ divergence }) => (divergence ? cell(divergence) : none),
  });
  return [
    cells('mean', ({ mean, standardError }) => plusMinus(mean, standardError, 5)),
    cells('median', ({ median }) => median.toFixed(5)),
    cells('99 %', ({ percentile99 }) => percentile99.toFixed(4)),
    cells('max', ({ max }) => max.toFixed(3)),
    cells('same top token', ({ topAgreement, topAgreementStandardError }) => {
      return `${plusMinus(100 * topAgreement, 100 * topAgreementStandardError, 2)} %`;
    }),
  ];
}

export const logRatio = ({ logRatio: value, standardError }: LogRatio): string => plusMinus(value, standardError, 5);

export const signedPercent = (percent: number): string => `${percent >= 0 ? '+' : ''}${percent.toFixed(2)} %`;

export const plusMinus = (value: number, error: number, digits: number): string =>
  `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
