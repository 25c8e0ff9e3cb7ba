-- A bare GET of the address on the command line.
dofile("report.lua")
