import { describeCalibratedFaults } from '../../testing/calibrated-faults.ts';

describeCalibratedFaults([1, 1]);
