import { join } from 'node:path';
import { refuseDifference, type Fingerprint } from '../../quant/conversion/state.ts';
import { fileOperation, replaceFile, statusOf, syncFolder, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { encodeState, parseState, type CalibrationState } from './calibration-state.ts';
import { WindowFile, type WindowStarts } from './window-file.ts';

export interface CalibrationFolderOptions {
  fileSystem: FileSystem;
  /** Belongs to one process at a time. */
  folder: string;
  /** Start of the names of all files, so that several runs can share the folder. */
  name: string;
  /** Everything that decides what is computed: only a run with the same goes on from what is kept. */
  fingerprint: Fingerprint;
  /** Where the tokens of each window are. */
  starts: WindowStarts;
  hiddenSize: number;
  /** Of the model. */
  layers: number;
  /** Each has hidden states of its own. */
  tracks: readonly string[];
  /** Called before it is written down that layers before `nextLayer` are done. */
  onCheckpoint: (nextLayer: number) => void;
  /** Work of this long may be lost to a crash; default 30,000. */
  intervalMs?: number | undefined;
}

/** Files of a track while it is in a layer. */
export interface TrackFiles {
  /** Hidden states before the layer. */
  input: WindowFile;
  /** Those after its attention, and in the end those after the layer. */
  output: WindowFile;
  /** Room for the inputs of a stage. */
  spill: WindowFile;
}

/** A fingerprint and a line a track. */
const MAX_STATE_BYTES = 1024 * 1024;

const INTERVAL_MS = 30_000;

/** End of the names of all files but the state. */
const HIDDEN = '.hidden';

/**
 * Hidden states of all windows between the layers of a run, in files of a folder, and what a later run needs to go on
 * after the last finished layer. The state file is replaced when the hidden states that it stands for are durable, and
 * those stay until it stands for others. So there are at most three files of hidden states a track: those that are kept,
 * those before the present layer, and those after it.
 */
export class CalibrationFolder {
  readonly #options: CalibrationFolderOptions;
  readonly #statePath: string;
  readonly #open = new Map<string, WindowFile>();
  #nextLayer = 0;
  #kept: CalibrationState | undefined;
  #keptAt: number = performance.now();

  constructor(options: CalibrationFolderOptions) {
    this.#options = options;
    this.#statePath = join(options.folder, `${options.name}-state.json`);
  }

  /**
   * Takes over what an unfinished run with the same fingerprint left; whatever else an earlier run left is removed.
   *
   * @returns the layer to go on with; undefined: the run starts anew, and hidden states before layer 0 are to be written
   * @throws UsageError `E_RESUME_MISMATCH` if the run was another one; ResourceError
   */
  load(): number | undefined {
    const state = this.#readState();
    if (state && this.#takeOver(state)) {
      this.#kept = state;
      this.#nextLayer = state.nextLayer;
    }
    this.#removeOthers();
    return this.#kept?.nextLayer;
  }

  /** Where hidden states before layer 0 are to be written. @throws ResourceError */
  start(track: string): WindowFile {
    return this.#create(this.#pathOf(track, 0));
  }

  /** What a track needs in the present layer. @throws ResourceError */
  filesOf(track: string): TrackFiles {
    const input = this.#input(track);
    const output = this.#create(this.#pathOf(track, this.#nextLayer + 1));
    return { input, output, spill: this.#create(this.#pathOf(track, 'spill')) };
  }

  /** Hidden states before `nextLayer` are complete. They are kept if what is kept is old. @throws ResourceError */
  after(nextLayer: number): void {
    const { tracks, layers, intervalMs = INTERVAL_MS } = this.#options;
    const before = this.#nextLayer;
    this.#nextLayer = nextLayer;
    for (const track of tracks) {
      this.#close(this.#pathOf(track, 'spill'));
      if (before === nextLayer) continue;
      this.#close(this.#pathOf(track, before));
      if (this.#kept?.nextLayer !== before) this.#remove(this.#pathOf(track, before));
    }
    if (nextLayer < layers && performance.now() - this.#keptAt >= intervalMs) this.keep();
  }

  /** Makes it durable that layers before the present one are done, so that a later run goes on from here. */
  keep(): void {
    const { tracks, hiddenSize } = this.#options;
    if (this.#nextLayer === 0 || this.#kept?.nextLayer === this.#nextLayer) return;
    const hashes = tracks.map((track): [string, string] => {
      const file = this.#input(track);
      file.sync();
      return [track, file.sha256(hiddenSize)];
    });
    this.#writeState(Object.fromEntries(hashes));
    this.#keptAt = performance.now();
  }

  /** All layers are done: only that stays on record. @throws ResourceError */
  complete(): void {
    const { layers } = this.#options;
    this.#nextLayer = layers;
    if (this.#kept?.nextLayer !== layers || Object.keys(this.#kept.sha256).length > 0) this.#writeState({});
    this.close();
    this.#removeOthers();
  }

  /** Leaves the files to a later run. */
  close(): void {
    for (const path of [...this.#open.keys()]) this.#close(path);
  }

  #writeState(sha256: CalibrationState['sha256']): void {
    const { fileSystem, folder, fingerprint, tracks, onCheckpoint } = this.#options;
    const state = { fingerprint, nextLayer: this.#nextLayer, sha256 };
    onCheckpoint(state.nextLayer);
    replaceFile(fileSystem, this.#statePath, encodeState(state));
    syncFolder(fileSystem, folder);
    const before = this.#kept;
    this.#kept = state;
    if (before && before.nextLayer !== state.nextLayer) {
      for (const track of tracks) this.#remove(this.#pathOf(track, before.nextLayer));
    }
  }

  #readState(): CalibrationState | undefined {
    const { fileSystem, fingerprint } = this.#options;
    if (!statusOf(fileSystem, this.#statePath)) return undefined;
    const state = parseState(readWholeFile(this.#statePath, MAX_STATE_BYTES, fileSystem));
    if (state) refuseDifference(this.#statePath, fingerprint, state.fingerprint);
    return state;
  }

  /** @returns whether the hidden states are all there, as they were when the state was written */
  #takeOver({ nextLayer, sha256 }: CalibrationState): boolean {
    const { fileSystem, tracks, starts, hiddenSize, layers } = this.#options;
    if (nextLayer === layers) return true;
    return tracks.every((track) => {
      const path = this.#pathOf(track, nextLayer);
      if (statusOf(fileSystem, path)?.size !== WindowFile.bytes(starts, hiddenSize)) return false;
      const file = WindowFile.open(fileSystem, path, starts);
      this.#open.set(path, file);
      return file.sha256(hiddenSize) === sha256[track];
    });
  }

  /** Removes what runs of this name leave, but for the state and what it stands for. */
  #removeOthers(): void {
    const { fileSystem, folder, name, tracks } = this.#options;
    const kept = this.#kept;
    const own = tracks.filter((track) => kept?.sha256[track] !== undefined);
    const names = new Set(own.map((track) => this.#pathOf(track, kept?.nextLayer ?? 0)));
    if (kept) names.add(this.#statePath);
    for (const entry of fileOperation(folder, () => fileSystem.list(folder))) {
      const path = join(folder, entry);
      const isOfRuns = entry.startsWith(`${name}-`) && (entry.endsWith(HIDDEN) || path.startsWith(this.#statePath));
      if (!isOfRuns || names.has(path)) continue;
      this.#close(path);
      this.#remove(path);
    }
  }

  /** Hidden states before the present layer. */
  #input(track: string): WindowFile {
    const file = this.#open.get(this.#pathOf(track, this.#nextLayer));
    if (file) return file;
    throw new RangeError(`there are no hidden states of ${track} before layer ${this.#nextLayer}`);
  }

  #create(path: string): WindowFile {
    const { fileSystem, starts } = this.#options;
    const file = WindowFile.create(fileSystem, path, starts);
    this.#open.set(path, file);
    return file;
  }

  #close(path: string): void {
    const file = this.#open.get(path);
    this.#open.delete(path);
    file?.close();
  }

  #remove(path: string): void {
    const { fileSystem } = this.#options;
    if (!statusOf(fileSystem, path)) return;
    fileOperation(path, () => {
      fileSystem.remove(path);
    });
  }

  #pathOf(track: string, layer: number | 'spill'): string {
    return join(this.#options.folder, `${this.#options.name}-${track}-${layer}${HIDDEN}`);
  }
}
