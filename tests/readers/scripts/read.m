% octave-cli read.m JOBS: reads the files of JOBS (see tests/readers/reports.py).
1;

function say (varargin)
  printf (varargin{:}); printf ("\n"); fflush (stdout);
endfunction

function tell (item)
  if (ischar (item))
    for row = 1:max (1, rows (item))
      text = "";
      if (! isempty (item)) text = item(row, :); endif
      if (rows (item) > 1) text = deblank (text); endif  % rows are padded
      say ("S %s", sprintf ("%02x", uint8 (text)));
    endfor
  elseif (iscell (item))
    for n = 1:numel (item) tell (item{n}); endfor
  elseif (isstruct (item))
    for [inner, name] = item
      tell (inner);
    endfor
  elseif (isinteger (item) || islogical (item))
    for n = 1:numel (item) say ("N %d", item(n)); endfor
  elseif (iscomplex (item))
    for n = 1:numel (item) say ("N %.17g", real (item(n))); say ("N %.17g", imag (item(n))); endfor
  elseif (isnumeric (item))
    for n = 1:numel (item) say ("N %.17g", full (item(n))); endfor
  else
    error ("a %s", class (item));
  endif
endfunction

jobs = fopen (argv (){1});
while (ischar (line = fgetl (jobs)))
  parts = strsplit (line, "\t");
  say ("FILE %s", parts{1});
  for n = 3:numel (parts)
    say ("KEY %s", parts{n});
    try
      levels = strsplit (parts{n}, "/");
      item = struct ();
      eval ("item = load (\"-hdf5\", parts{2}, levels{1});", "");
      for level = levels
        if (! isfield (item, level{1})) error ("load leaves it out"); endif
        item = item.(level{1});
      endfor
      tell (item);
      say ("OK");
    catch problem
      say ("ERR %s", strjoin (strsplit (problem.message, "\n"), " "));
    end_try_catch
  endfor
  say ("END");
endwhile
