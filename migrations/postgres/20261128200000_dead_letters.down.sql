DROP FUNCTION dead_letters();
