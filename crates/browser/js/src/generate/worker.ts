// attune.generate.worker.js: the other end of a writer. The code is attune.generate.js, which the page has loaded already.
import { serve } from "./attune.generate.js";

serve(self);
