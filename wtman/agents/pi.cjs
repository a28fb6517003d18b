// Loaded into pi before it starts: keeps from its stream what it repeats.
//
// For each piece of an answer its JSON mode prints the whole answer so far, twice: for a file of
// 60 KB that is written some 300 MB. What is dropped comes again, whole, when it is complete.
delete process.env.NODE_OPTIONS; // of pi alone, not of what it runs
const repeated = /^\{"type":"(message|tool_execution)_update"/;
const write = process.stdout.write;
process.stdout.write = function (chunk, encoding, done) {
  if (typeof chunk !== "string" || !repeated.test(chunk)) {
    return write.call(process.stdout, chunk, encoding, done);
  }
  const after = typeof encoding === "function" ? encoding : done;
  if (after) process.nextTick(after);
  return true;
};
