import { describeCalibratedFaults } from '../../testing/calibrated-faults.ts';

describeCalibratedFaults([41, 11]);
