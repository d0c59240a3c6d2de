import type { User } from '../api/types';

// Only shapes what is explained; the server alone decides what is shown.
export const readsOthers = (user: User) => user.roles.includes('compliance_officer');
