#!/bin/sh
# Runs the command given as arguments until it ends or until its owner, who alone holds the other
# end of our stdin, lets go of that: a line there means "stop", silence (the owner was killed) "hurry".
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
    if read -r _ <&3; then patience=100; else patience=12; fi
    kill -INT $server
    while [ $patience -gt 0 ] && kill -0 $server; do
        sleep 0.1
        patience=$((patience - 1))
    done
    kill -QUIT $server
    for _ in 1 2 3 4 5; do kill -0 $server && sleep 0.1; done
    kill -KILL $server
) 2>/dev/null &
reader=$!
wait $server
status=$?
kill $reader 2>/dev/null
exit $status
