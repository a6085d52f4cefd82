# shellcheck shell=bash
# What the rented machine costs, from the price that the user gives; nothing here asks a provider.

PRICE='' LIMIT=''
LIMIT_TOLD=no
readonly COST_EVERY=600 # seconds between two lines about the cost while a run is watched

check_price() {
    local number='^[0-9]+([.][0-9]+)?$'
    [[ -z $PRICE || $PRICE =~ $number ]] || fail "$EXIT_USAGE" "'$PRICE' is no price: expected dollars per hour, such as 2.49."
    [[ -z $LIMIT || $LIMIT =~ $number ]] || fail "$EXIT_USAGE" "'$LIMIT' is no limit: expected dollars, such as 5."
    [[ -z $LIMIT || -n $PRICE ]] || fail "$EXIT_USAGE" "--limit needs --price: what an hour of the machine costs."
}

# Seconds since the machine was started.
machine_age() {
    local age_then=${FACTS[age_seconds]}
    echo $((age_then + SECONDS - FACTS_READ))
}

say_cost() {
    [[ -n $PRICE && -n ${FACTS[age_seconds]:-} ]] || return 0
    local age
    age=$(machine_age)
    awk -v price="$PRICE" -v age="$age" 'BEGIN { printf "cost:    about $%.2f so far: $%s per hour (as given) " \
        "for %d min since the machine was started\n", price * age / 3600, price, age / 60 }'
    if [[ -n $LIMIT && $LIMIT_TOLD == no ]] &&
        awk -v price="$PRICE" -v age="$age" -v limit="$LIMIT" 'BEGIN { exit !(price * age / 3600 >= limit) }'; then
        warn "the limit of \$$LIMIT is reached; the machine goes on costing until you stop it"
        LIMIT_TOLD=yes
    fi
}

# Copies standard input, and says now and then what was spent.
print_with_cost() {
    [[ -n $PRICE ]] || exec cat
    local line part='' status next=$((SECONDS + COST_EVERY))
    while true; do
        status=0
        IFS= read -r -t 5 line || status=$?
        if ((status == 0)); then
            printf '%s\n' "$part$line"
            part=''
        elif ((status > 128)); then
            part+=$line
        else
            printf '%s' "$part$line"
            break
        fi
        if ((SECONDS >= next)); then
            say_cost
            next=$((SECONDS + COST_EVERY))
        fi
    done
}

remind_to_stop() {
    say_cost
    say "The machine $(where) is still running and, if rented, still costs: stop it at its provider when you are done."
}
