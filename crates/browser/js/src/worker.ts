// attune.worker.js: the other end of `worker: true`. The code is attune.js, which the page has loaded already.
import { serve } from "./attune.js";

serve(self);
