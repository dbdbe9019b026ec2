-- The functions are declared as PostgreSQL's own opr_sanity would have them: none of these finds any.
CREATE TEMP VIEW code AS
SELECT p.* FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = 'videoroom';
SELECT oid::regprocedure AS immutable_and_parallel_unsafe FROM code WHERE provolatile = 'i' AND proparallel = 'u';
SELECT oid::regprocedure AS parallel_safe_and_volatile FROM code WHERE provolatile = 'v' AND proparallel = 's';
SELECT oid::regprocedure AS leakproof_or_free FROM code WHERE proleakproof OR procost <= 0 OR proretset <> (prorows > 0);
-- A name stands for one function, but where an argument less is another way to say who joins.
SELECT proname, count(*) FROM code GROUP BY proname HAVING count(*) > 1;
